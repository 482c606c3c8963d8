"""Qdrant over gRPC, by its own definitions."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from double import KEY, fault, saw, serve, told
from qdrant_client import grpc as q


class Judge(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        metadata = dict(details.invocation_metadata)
        saw(f"{details.method} {metadata}")
        told["requests"] += 1
        if metadata.get("api-key") != KEY:
            fault(f"{details.method}: the key is not in its place")
        return continuation(details)


class Collections(q.CollectionsServicer):
    def List(self, request, context):
        return q.ListCollectionsResponse(collections=[q.CollectionDescription(name="docs")])

    def CollectionExists(self, request, context):
        exists = q.CollectionExists(exists=request.collection_name == "docs")
        return q.CollectionExistsResponse(result=exists)

    def Create(self, request, context):
        return q.CollectionOperationResponse(result=True)

    Delete = Create

    def Get(self, request, context):
        # Nothing but a status: one head.
        context.abort(grpc.StatusCode.NOT_FOUND, f"Collection `{request.collection_name}` doesn't exist!")


class Points(q.PointsServicer):
    def Upsert(self, request, context):
        if len(request.points) == 0:
            fault("no point")
        return q.PointsOperationResponse(result=q.UpdateResult(operation_id=1, status=q.UpdateStatus.Completed))


    def Query(self, request, context):
        point = q.ScoredPoint(id=q.PointId(num=1), score=0.5, version=3)
        # What a service must not do.
        point.payload["key"].string_value = f"the key is {KEY}"
        return q.QueryResponse(result=[point])

    def Count(self, request, context):
        context.set_trailing_metadata((("x-key", KEY),))
        return q.CountResponse(result=q.CountResult(count=1))

    def Scroll(self, request, context):
        big = q.RetrievedPoint(id=q.PointId(num=1))
        big.payload["text"].string_value = "x" * 1_000_000
        return q.ScrollResponse(result=[big])


server = grpc.server(ThreadPoolExecutor(4), interceptors=[Judge()])
q.add_CollectionsServicer_to_server(Collections(), server)
q.add_PointsServicer_to_server(Points(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
serve(port)
