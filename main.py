"""Start of the plugin, as Dify's daemon and its serverless runtime call it."""

import gc

# Nothing of what is being loaded is garbage; looking for it takes a twentieth of each start.
gc.disable()

import yaml  # noqa: E402

# The SDK makes the standard library cooperative when it is imported, so it comes before the rest.
from dify_plugin import DifyPluginEnv, Plugin  # noqa: E402

# The SDK reads the forms with PyYAML's slow loader. libyaml's does the same in a tenth of the time,
# where it is there: 0.2 seconds of every start.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]

# Serverless only: an invocation that is silent for longer is cut. The longest timeout credential
# is 590 seconds.
plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=620))

# What was loaded stays: searching it again would hold up all invocations for 25 ms now and then.
gc.freeze()
gc.enable()

if __name__ == "__main__":
    # The first line is out. What the first call needs is imported while Dify reads it.
    import bridge.delivery  # noqa: F401

    plugin.run()
