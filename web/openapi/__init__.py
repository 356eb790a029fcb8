"""The OpenAPI document: what FastAPI finds in the routes, completed with bodies, parameters and problems."""
