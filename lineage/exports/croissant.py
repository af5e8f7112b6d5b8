"""A dataset version as Croissant 1.1 with its RAI vocabulary and the terms in force as ODRL [JSON-LD].

What the record does not know is left out, never guessed: no licence is named where no terms are in force. Croissant
asks for a type of every column: one that it has no word for is text, and the description says what it is on record as.
"""

import base64
from datetime import date, datetime
from typing import Any

from governance.accounts.models import Principal
from lineage.exports.dataset_facts import flags, sensitive, terms_at
from lineage.exports.odrl import odrl
from lineage.exports.upstream import digest_of, reads, standing_links
from lineage.models import CollectionTerms, DatasetVersion, Run, RunInput, RunOutput

MEDIA_TYPE = 'application/ld+json; profile="http://mlcommons.org/croissant/1.1"'
CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
SPDX = "https://spdx.org/licenses/"

# The context that the specification recommends [Croissant 1.1, appendix 1, and mlcroissant's own], with the
# vocabularies it recommends for provenance and conditions of use.
_CR_NAMES = (
    *(
        "annotation",
        "arrayShape",
        "citeAs",
        "column",
        "containedIn",
        "equivalentProperty",
        "excludes",
        "extract",
        "field",
    ),
    *(
        "fileObject",
        "fileProperty",
        "fileSet",
        "format",
        "includes",
        "isArray",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
    ),
    *("parentField", "path", "readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("sdVersion", "separator", "source", "subField", "transform", "unArchive", "value"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CR_NAMES},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

# Names of types as databases, Spark, pandas and Arrow write them.
_TYPES: dict[str, str] = {
    name: f"sc:{kind}"
    for kind, names in {
        "Text": "text,string,str,varchar,char,character varying,object,large_string",
        "Integer": "int,integer,bigint,smallint,tinyint,long,int4,int8,int16,int32,int64,uint8,uint16,uint32,uint64",
        "Float": "float,double,double precision,real,numeric,decimal,number,float16,float32,float64",
        "Boolean": "bool,boolean",
        "Date": "date",
        "DateTime": "timestamp,timestamptz,datetime,datetime64,datetime64[ns]",
        "Time": "time",
    }.items()
    for name in names.split(",")
}


def croissant(version: DatasetVersion, reader: Principal, at: datetime) -> dict[str, Any]:
    """The document.

    Args:
        version: with its dataset, namespace and owner. reader: sources of namespaces they may not read are named by
        digest. at: the moment whose terms are told; the rest is read as the connection stands.
    """
    dataset = version.dataset
    name = dataset.title or dataset.name
    terms = terms_at(dataset.pk, at)
    owner = dataset.owner
    house = {"@type": "Organization", "name": dataset.namespace.name}
    told: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "@id": f"urn:muniment:dataset-version:{version.pk}",
        "name": dataset.name,
        "alternateName": name if name != dataset.name else "",
        "conformsTo": CONFORMS_TO,
        "description": dataset.description or f"{name}, version {version.label}",
        "url": f"urn:muniment:dataset:{dataset.pk}",
        "identifier": digest_of(version),
        "version": version.label,
        "license": [_licence(terms)],
        "creator": [{"@type": "Person", "name": owner.display_name}] if owner else [house],
        "publisher": [house],
        "datePublished": (version.date or version.recorded_at.date()).isoformat(),
        "dateCreated": version.recorded_at.isoformat().replace("+00:00", "Z"),
        "isLiveDataset": dataset.is_live or None,
        "spatialCoverage": version.origin_geography,
        "size": f"{version.rows} rows" if version.rows is not None else "",
        **_responsible(version, terms),
        "usageInfo": offer(terms) if terms else None,
        **_provenance(version, reader),
        **_content(version),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def _licence(terms: CollectionTerms | None) -> Any:
    if terms is None:
        return {"@type": "CreativeWork", "name": "None: no terms of use are in force"}
    if terms.licence.startswith("LicenseRef-") or " " in terms.licence:
        told = {"@type": "CreativeWork", "name": terms.licence, "identifier": terms.document_digest}
        return {key: value for key, value in told.items() if value}
    return SPDX + terms.licence


def _responsible(version: DatasetVersion, terms: CollectionTerms | None) -> dict[str, Any]:
    """The RAI properties [Croissant RAI 1.0], each from the field whose help names it."""
    period = [version.generation_period_start, version.generation_period_end]
    return {
        "rai:dataCollection": version.data_collection_process,
        "rai:dataCollectionType": version.generation_method,
        "rai:dataCollectionMissingData": version.missing_data,
        "rai:dataCollectionRawData": "\n".join(filter(None, (version.source, version.origin))),
        "rai:dataCollectionTimeFrame": [one.isoformat() for one in period if isinstance(one, date)],
        "rai:dataImputationProtocol": version.imputation,
        "rai:dataPreprocessingProtocol": version.preprocessing,
        "rai:dataAnnotationProtocol": version.annotation_protocol,
        "rai:dataBiases": version.known_bias,
        "rai:dataLimitations": version.dataset_noise,
        "rai:dataReleaseMaintenancePlan": version.update_mechanism,
        "rai:dataUseCases": list(terms.permitted_purposes) if terms else [],
        "rai:personalSensitiveInformation": [sensitive(one) for one in flags(version)],
    }


def offer(terms: CollectionTerms) -> dict[str, Any]:
    """The terms as an ODRL offer inside `usageInfo` [Croissant 1.1, Data Use Conditions]."""
    policy = odrl(terms)
    told: dict[str, Any] = {
        "@type": ["CreativeWork", "odrl:Offer"],
        "name": f"Terms {terms.number} of the dataset",
        "odrl:uid": {"@id": policy["uid"]},
    }
    for kind in ("permission", "prohibition"):
        if kind in policy:
            told[f"odrl:{kind}"] = [_rule(kind, one) for one in policy[kind]]
    basis = policy.get("dpv:hasLegalBasis")
    return told | ({"dpv:hasLegalBasis": [{"@id": one} for one in basis]} if basis else {})


def _rule(kind: str, rule: dict[str, Any]) -> dict[str, Any]:
    """One rule with every name in full, since Croissant's context knows none of ODRL's."""
    told: dict[str, Any] = {"@type": f"odrl:{kind.capitalize()}", "odrl:action": {"@id": f"odrl:{rule['action']}"}}
    if "target" in rule:
        told["odrl:target"] = {"@id": rule["target"]}
    told["odrl:constraint"] = [_constraint(one) for one in rule.get("constraint", ())]
    if "duty" in rule:
        told["odrl:duty"] = [_rule("duty", one) for one in rule["duty"]]
    return told


def _constraint(one: dict[str, Any]) -> dict[str, Any]:
    if "or" in one:
        return {"@type": "odrl:LogicalConstraint", "odrl:or": [_constraint(each) for each in one["or"]]}
    return {
        "@type": "odrl:Constraint",
        "odrl:leftOperand": {"@id": f"odrl:{one['leftOperand']}"},
        "odrl:operator": {"@id": f"odrl:{one['operator']}"},
        "odrl:rightOperand": one["rightOperand"],
    }


def _provenance(version: DatasetVersion, reader: Principal) -> dict[str, Any]:
    """One step up [PROV-O]: the runs that made it, and what they read."""
    readable = reads(reader)
    wrote = standing_links(RunOutput).filter(dataset_version=version)
    runs = list(Run.objects.filter(pk__in=wrote.values("run")).select_related("namespace").order_by("pk"))
    read = standing_links(RunInput).filter(run__in=runs, dataset_version__isnull=False).order_by("pk")
    elsewhere: set[str] = set()
    sources: dict[int, dict[str, Any]] = {}
    for link in read.select_related("dataset_version__dataset__namespace"):
        source = link.dataset_version
        assert source is not None  # the filter above
        if source.dataset.namespace_id in readable:
            sources[source.pk] = {
                "@id": f"urn:muniment:dataset-version:{source.pk}",
                "prov:label": f"{source.dataset.namespace.name}/{source.dataset.name} {source.label}",
                "identifier": digest_of(source),
            }
        elif digest := digest_of(source):
            elsewhere.add(digest)
    hidden = [{"@id": f"urn:muniment:digest:{one}"} for one in sorted(elsewhere)]
    activities = [_activity(run) for run in runs if run.namespace_id in readable]
    agent = version.source and {"@type": "prov:Agent", "prov:label": version.source}
    return {
        "prov:wasDerivedFrom": [
            {key: value for key, value in one.items() if value} for one in sources.values()
        ] + hidden,
        "prov:wasGeneratedBy": activities,
        "prov:wasAttributedTo": agent,
    }  # fmt: skip


def _activity(run: Run) -> dict[str, Any]:
    told = {
        "@type": "prov:Activity",
        "@id": f"urn:muniment:run:{run.pk}",
        "prov:label": f"{run.job_name} {run.run_key}",
        "prov:startedAtTime": run.started_at and run.started_at.isoformat().replace("+00:00", "Z"),
        "prov:endedAtTime": run.ended_at and run.ended_at.isoformat().replace("+00:00", "Z"),
    }
    return {key: value for key, value in told.items() if value}


def _file(version: DatasetVersion) -> str:
    return f"file-{version.pk}"


def _distribution(version: DatasetVersion) -> list[dict[str, Any]]:
    """The content as one file. Croissant asks for a SHA-256 of it; another digest stands in `identifier` alone."""
    live = version.dataset.is_live
    sha256 = version.digest_value if version.digest_algorithm == "sha256" else ""
    if not sha256 and not (live and version.location):
        return []
    told = {
        "@type": "cr:FileObject",
        "@id": _file(version),
        "name": version.label,
        "contentUrl": version.location or _named(sha256),
        "contentSize": f"{version.bytes} B" if version.bytes is not None else "",
        "encodingFormat": version.format or "application/octet-stream",
        "sha256": sha256,
    }
    return [{key: value for key, value in told.items() if value}]


def _named(sha256: str) -> str:
    """Where it lies is not on record: the content's own name [RFC 6920], which nobody can mistake for an address."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _content(version: DatasetVersion) -> dict[str, Any]:
    """The file and its columns; without a file, whose columns a record set must read, the variables alone."""
    files = _distribution(version)
    if not version.schema:
        return {"distribution": files}
    if files:
        return {"distribution": files, "recordSet": [_record_set(version)]}
    told = [
        {"@type": "PropertyValue", "name": column["name"], "description": column.get("description", "")}
        for column in version.schema
    ]
    return {"variableMeasured": [{key: value for key, value in one.items() if value} for one in told]}


def _record_set(version: DatasetVersion) -> dict[str, Any]:
    """The columns."""
    fields = []
    for place, column in enumerate(version.schema):
        name = str(column["name"])
        kind = _TYPES.get(str(column.get("type", "")).strip().lower().split("(")[0].strip())
        unknown = f"Type on record: {column.get('type') or 'none'}." if kind is None else ""
        told = {
            "@type": "cr:Field",
            "@id": f"records/{place}",
            "name": name,
            "description": " ".join(filter(None, (column.get("description"), unknown))),
            "dataType": kind or "sc:Text",
            "source": {"fileObject": {"@id": _file(version)}, "extract": {"column": name}},
        }
        fields.append({key: value for key, value in told.items() if value})
    return {"@type": "cr:RecordSet", "@id": "records", "name": "records", "field": fields}
