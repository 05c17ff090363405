"""The API for new clients, `/api/v1`: resources, problem documents, OpenAPI (docs/rest-api.md)."""
