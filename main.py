"""Start of the plugin, for Dify's daemon and for its serverless runtime."""

import gc

# Imports leave no garbage; collecting during them takes a twentieth of each start.
gc.disable()

import yaml  # noqa: E402

# The SDK patches the standard library for gevent when it is imported, so it comes first.
from dify_plugin import DifyPluginEnv, Plugin  # noqa: E402

# The SDK parses the forms with PyYAML's slow loader. libyaml's, if it is installed, does the same
# in a tenth of the time, which saves 0.2 seconds of every start.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]

# For serverless only, where an invocation that sends nothing for longer is ended. The longest
# timeout credential is 590 seconds.
plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=620))

# Loaded modules are never garbage; examining them would block all invocations for 25 ms at times.
gc.freeze()
gc.enable()

if __name__ == "__main__":
    # The plugin's first line is out. Dify reads it while the imports of the first call run.
    import bridge.delivery  # noqa: F401

    plugin.run()
