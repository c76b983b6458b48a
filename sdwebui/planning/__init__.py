"""From a tool's parameters to a decided plan, before the GPU works."""
