"""Start of a plugin to compare with."""

from dify_plugin import DifyPluginEnv, Plugin

plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=620))

if __name__ == "__main__":
    plugin.run()
