"""Configuration: composed by Hydra, checked against the signatures of what it names, built."""

from gnnseg.config.checks import check, check_allow, check_node, check_value
from gnnseg.config.composition import (
    as_experiment,
    compose,
    job_number,
    jobs,
    known_keys,
    launch,
    of_hydra,
    quoted,
    searchpath,
    split_space,
    yaml_of,
)
from gnnseg.config.names import BESIDE, GROUPS, TOP, conf_folder
from gnnseg.config.stable import current, recorded, stable, upgraded
from gnnseg.config.targets import FOREIGN, build, described, fits, locate, parameter_types

__all__ = [
    "BESIDE",
    "FOREIGN",
    "GROUPS",
    "TOP",
    "as_experiment",
    "build",
    "check",
    "check_allow",
    "check_node",
    "check_value",
    "compose",
    "conf_folder",
    "current",
    "described",
    "fits",
    "job_number",
    "jobs",
    "known_keys",
    "launch",
    "locate",
    "of_hydra",
    "parameter_types",
    "quoted",
    "recorded",
    "searchpath",
    "split_space",
    "stable",
    "upgraded",
    "yaml_of",
]
