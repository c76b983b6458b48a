"""``make demo``: the plugin at work, without Dify and, if need be, without a GPU."""
