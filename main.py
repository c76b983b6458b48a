"""Start of the plugin, as Dify's daemon and its serverless runtime call it."""

# The SDK makes the standard library cooperative when it is imported, so it comes first.
from dify_plugin import DifyPluginEnv, Plugin

# Serverless only: an invocation that is silent for longer is cut. The longest timeout credential
# is 590 seconds.
plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=620))

if __name__ == "__main__":
    plugin.run()
