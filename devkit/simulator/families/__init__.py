"""The families of servers, one module each; adding one touches this table and its own module."""

from __future__ import annotations

from devkit.simulator.families.a1111 import A1111
from devkit.simulator.families.a1111_1_6 import A1111Before
from devkit.simulator.families.base import Family
from devkit.simulator.families.forge import Forge
from devkit.simulator.families.koboldcpp import KoboldCpp
from devkit.simulator.families.sdcpp import SdCpp
from devkit.simulator.families.sdnext import SDNext

FAMILIES: dict[str, type[Family]] = {
    family.name: family for family in (A1111, A1111Before, Forge, SDNext, SdCpp, KoboldCpp)
}
"""Every family by the name the command line takes."""
