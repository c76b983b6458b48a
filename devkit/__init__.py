"""For those who develop the plugin; not shipped with it."""
