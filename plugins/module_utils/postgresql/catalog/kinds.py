# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The registry: every kind of object that is dumped. A new kind is one new file and one line here."""

from __future__ import annotations

from ..selection.options import Selection
from .access_method import read_access_methods
from .aggregate import read_aggregates
from .base import Reader
from .base_type import read_base_types
from .cast import read_casts
from .collation import read_collations
from .column_default import read_column_defaults
from .composite_type import read_composite_types
from .conversion import read_conversions
from .default_privileges import read_default_privileges
from .domain_type import read_domain_types
from .enum_type import read_enum_types
from .event_trigger import read_event_triggers
from .extended_statistics import read_extended_statistics
from .extension import read_extensions
from .extension_data import read_extension_data
from .foreign_data_wrapper import read_foreign_data_wrappers
from .foreign_key import read_foreign_keys
from .foreign_server import read_foreign_servers
from .foreign_table import read_foreign_tables
from .function import read_functions
from .given_privileges import read_given_privileges
from .index import read_indexes
from .index_attach import read_index_attachments
from .index_constraint import read_index_constraints
from .language import read_languages
from .large_object import read_large_objects
from .materialized_view import read_materialized_views
from .not_null import read_invalid_not_nulls
from .operator import read_operators
from .operator_class import read_operator_classes
from .operator_family import read_operator_families
from .publication import read_publications
from .publication_member import read_publication_members
from .range_type import read_range_types
from .relation_statistics import read_relation_statistics
from .row_security import read_row_security
from .rule import read_rules
from .schema import read_schemas
from .sequence import read_sequence_values, read_sequences
from .subscription import read_subscriptions
from .table import read_tables
from .table_attach import read_table_attachments
from .table_check import read_table_checks
from .table_data import read_table_data
from .text_search_configuration import read_text_search_configurations
from .text_search_dictionary import read_text_search_dictionaries
from .text_search_parser import read_text_search_parsers
from .text_search_template import read_text_search_templates
from .transform import read_transforms
from .trigger import read_triggers
from .user_mapping import read_user_mappings
from .user_type import read_companion_types
from .view import read_views

KINDS: tuple[Reader, ...] = (
    read_schemas,
    read_extensions,
    read_enum_types,
    read_domain_types,
    read_composite_types,
    read_range_types,
    read_base_types,
    read_companion_types,
    read_functions,
    read_aggregates,
    read_tables,
    read_table_attachments,
    read_views,
    read_materialized_views,
    read_column_defaults,
    read_sequences,
    read_sequence_values,
    read_table_data,
    read_extension_data,
    read_table_checks,
    read_invalid_not_nulls,
    read_index_constraints,
    read_indexes,
    read_index_attachments,
    read_foreign_keys,
    read_triggers,
    read_rules,
    read_row_security,
    read_default_privileges,
    read_collations,
    read_conversions,
    read_text_search_parsers,
    read_text_search_templates,
    read_text_search_dictionaries,
    read_text_search_configurations,
    read_access_methods,
    read_languages,
    read_casts,
    read_transforms,
    read_operators,
    read_operator_families,
    read_operator_classes,
    read_foreign_data_wrappers,
    read_foreign_servers,
    read_user_mappings,
    read_foreign_tables,
    read_event_triggers,
    read_extended_statistics,
    read_publications,
    read_publication_members,
    read_subscriptions,
    read_large_objects,
    read_relation_statistics,
    read_given_privileges,
)

#: What the rows, values and large objects need to be written by themselves.
_DATA_ALONE: tuple[Reader, ...] = (
    read_tables,
    read_foreign_tables,
    read_sequence_values,
    read_table_data,
    read_extension_data,
    read_relation_statistics,
    read_large_objects,
)
#: What some users may not read, and nothing else depends on.
_HIDDEN_FROM_SOME: tuple[Reader, ...] = (read_subscriptions, read_user_mappings)
_LEFT_OUT: dict[str, tuple[Reader, ...]] = {
    "policies": (read_row_security,),
    "publications": (read_publications, read_publication_members),
    "subscriptions": (read_subscriptions,),
}


def readers_of(selection: Selection) -> tuple[Reader, ...]:
    """The kinds that a selection takes objects of."""
    left_out = {read for kind in selection.without for read in _LEFT_OUT.get(kind, ())}
    kinds = _DATA_ALONE
    if selection.definitions:
        kinds = KINDS
    elif selection.statistics:
        # Where statistics come depends on what is made after the data, which only all definitions tell.
        kinds = tuple(read for read in KINDS if read not in _HIDDEN_FROM_SOME)
    return tuple(read for read in kinds if read not in left_out)
