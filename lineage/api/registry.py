"""What registries say of models, over the native API: another name, tags, free aliases."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.acts import act
from governance.api.views import RecordViewSet
from lineage import actions
from lineage.api import bodies, references


class RegistryMixin(RecordViewSet):
    """Acts on models that are no judgement."""

    def get_queryset(self) -> Any:
        """With what registries say of them, so that a page stays at a fixed few queries."""
        return super().get_queryset().prefetch_related("tags", "aliases__model_version")

    @act(bodies.RenameSerializer)
    def rename(self, request: Request, id: str) -> Response:
        """Give it another name; versions, releases, votes and history stay with it. What is live keeps its name."""
        model = self.find(id)
        data = self.read(bodies.RenameSerializer)
        reason = self.reason(data)
        renamed = actions.rename_model(actor=self.principal, reason=reason, model=model, name=data["name"])
        return self.written(renamed, created=False)

    @act(bodies.TagsWriteSerializer)
    def tags(self, request: Request, id: str) -> Response:
        """Set tags by key, or take them away with null."""
        model = self.find(id)
        data = self.read(bodies.TagsWriteSerializer)
        reason = self.reason(data)
        actions.tag_model(actor=self.principal, reason=reason, model=model, tags=data["tags"])
        return self.written(self.find(id), created=False)

    @act(bodies.AliasWriteSerializer)
    def aliases(self, request: Request, id: str) -> Response:
        """Let a free alias mean a version, or take it away. One that an environment claims takes a promotion."""
        model = self.find(id)
        data = self.read(bodies.AliasWriteSerializer)
        reason = self.reason(data)
        if data["number"] is None:
            actions.remove_alias(actor=self.principal, reason=reason, model=model, alias=data["alias"])
        else:
            version = references.version_numbered(model, data["number"])
            actions.set_alias(actor=self.principal, reason=reason, model_version=version, alias=data["alias"])
        return self.written(self.find(id), created=False)
