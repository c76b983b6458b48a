"""The families of servers, a file each; adding one touches this table and its own file."""

from devkit.simulator.families.a1111 import A1111, A1111Before
from devkit.simulator.families.base import Family
from devkit.simulator.families.forge import Forge
from devkit.simulator.families.koboldcpp import KoboldCpp
from devkit.simulator.families.sdcpp import SdCpp
from devkit.simulator.families.sdnext import SDNext

FAMILIES: dict[str, type[Family]] = {
    family.name: family for family in (A1111, A1111Before, Forge, SDNext, SdCpp, KoboldCpp)
}
"""Every family by the name that the command line takes."""
