"""The generators and discriminators."""

from genbench_cgan.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from genbench_cgan.networks.layers import Conditioning, Verdict
from genbench_cgan.networks.resnet import ResNetDiscriminator, ResNetGenerator

__all__ = [
    "Conditioning",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "Verdict",
]
