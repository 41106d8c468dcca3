"""One training in several processes: the same steps on the same batches, each process computing its share of them.

`team` has what processes say to each other while they train, `sharing` makes a share behave as a part of the whole
batch, and `launching` brings processes together. Neither families nor samplers nor metrics know of any of it.
"""
