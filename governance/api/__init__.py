"""What every end point of the native API is made of.

====================  =====================================================================
module                gives
====================  =====================================================================
``parsers``           ``StrictJSONParser``: one reading of a body, or a refusal that names the field
``serializers``       ``StrictSerializer``, ``StrictModelSerializer``, ``WriteSerializer``, ``FilterSerializer``
``fields``            ``NameField``, ``TextField``, ``IdField``, ``ExactJSONField``, ``MomentField``
``authentication``    ``ApiKeyAuthentication``, ``SessionAuthentication``
``principals``        ``principal_of``, ``api_key_of``, ``reason_of``
``pagination``        ``KeysetPagination``
``views``             ``RecordViewSet``, ``ApiView``: the base classes of end points
``errors``            every answer that is not a success, as RFC 9457 problem+json
``schema``            how all of it is told to OpenAPI
====================  =====================================================================
"""
