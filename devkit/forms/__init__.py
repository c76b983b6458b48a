"""The forms that Dify shows: ``tools/*.yaml``, written from texts and from the parameters.

Each text stands once, in ``parameters/*.yaml`` (label and help of a parameter, in four languages),
``tools/*.yaml`` (a tool's description, texts that differ in it) and
``outputs.yaml`` (variables). Which parameters a form has, types, ranges,
defaults and options come from ``sdwebui.parameters``.
``python -m devkit.forms`` writes the forms, with ``--check`` it says whether they are up to date.
"""
