"""The forms that Dify shows: ``tools/*.yaml``, written from texts and from the parameters.

Each text stands once, in four languages: in ``parameters/*.yaml`` (labels, help), ``tools/*.yaml``
(descriptions, texts that differ in a tool) or ``outputs.yaml`` (variables). All else comes from
``sdwebui.parameters``. ``python -m devkit.forms`` writes the forms; ``--check`` finds stale ones.
"""
