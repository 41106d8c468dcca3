"""The contract tests: what every family, ours or a stranger's, is held to."""

from genbench.checking.contract import Check, Finding, Violation, examine
from genbench.checking.subject import Subject
from genbench.checking.tasks import CHECKS, checks_for

__all__ = ["CHECKS", "Check", "Finding", "Subject", "Violation", "checks_for", "examine"]
