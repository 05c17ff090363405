"""What PostgreSQL itself says of a schema: everything that tells one from another, as texts that compare."""

from __future__ import annotations

import psycopg

_QUERIES = {
    "column": """
        SELECT format('%s.%s %s%s default %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, pg_get_expr(d.adbin, d.adrelid),
                      CASE WHEN a.attidentity <> '' THEN format(' identity %s', a.attidentity) ELSE '' END,
                      CASE WHEN a.attgenerated <> '' THEN format(' generated %s', a.attgenerated) ELSE '' END)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraint": """
        SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "index": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "type": """
        SELECT format('%s: %s', t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.typname
    """,
    "sequence": """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
    """,
}


def catalog(url: str) -> set[str]:
    """Return every column, constraint, index, enum and sequence of a database; alembic's own table is left out."""
    with psycopg.connect(url) as connection:
        return {
            f"{kind} {text}"
            for kind, query in _QUERIES.items()
            for (text,) in connection.execute(query).fetchall()
            if "alembic_version" not in text
        }
