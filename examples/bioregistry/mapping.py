"""How the documents are indexed: written down, because names and keywords shall be found without naming a field."""


def get_mapping(cls):
    """Elasticsearch properties; what is copied to `all` is searched by default."""
    keyword = {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}
    found = {"copy_to": ["all"]}
    registries = (
        "aberowl", "agroportal", "bartoc", "biocontext", "biodivportal", "biolink_resource", "bioportal",
        "cellosaurus_resource", "cheminf", "ecoportal", "edam_data", "fairsharing", "go_resource", "hl7",
        "integbio", "lov", "miriam", "n2t", "ncbi_resource", "obofoundry", "ols", "ontobee", "pathguide",
        "prefixcommons", "re3data", "rrid_resource", "tib_ts", "togoid", "uniprot_resource", "wikidata_entity",
        "wikidata_property", "zazuko",
    )  # fmt: skip
    return {
        "bioregistry": {
            "properties": {
                "name": {"type": "text", **found},
                "description": {"type": "text", **found},
                "keywords": {**keyword, **found},
                "synonyms": {**keyword, **found},
                "preferred_prefix": {**keyword, **found},
                "domain": keyword,
                "license": keyword,
                "part_of": keyword,
                "example": keyword,
                "deprecated": {"type": "boolean"},
                "homepage": keyword,
                "repository": keyword,
                "pattern": {"type": "keyword", "index": False},
                "uri_format": {"type": "keyword", "index": False},
                "download_owl": {"type": "keyword", "index": False},
                "download_obo": {"type": "keyword", "index": False},
                "download_json": {"type": "keyword", "index": False},
                "publications": {
                    "properties": {
                        "title": {"type": "text"},
                        "doi": keyword,
                        "pmc": keyword,
                        "pubmed": keyword,
                        "arxiv": keyword,
                        "year": {"type": "integer"},
                    }
                },
                "xref": {"properties": {registry: keyword for registry in registries}},
            }
        }
    }
