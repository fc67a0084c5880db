"""Motion from speech: the network M of the paper (section 3.1), its checkpoint, its sampler, motion files."""
