"""Messages that are encoded, packed and written as JSON by a handler of the SDK."""

import okra
from gen.google.longrunning import Operation
from gen.google.rpc import PreconditionFailure
from gen.ported.documents.v1 import Description, Documents, Node, Note, Packed
from okra import json_format


def count(node: Node) -> int:
    inner = [*node.children, *node.by_name.values()]
    if isinstance(node.value, Node.Value.Only):
        inner.append(node.value.value)
    return 1 + sum(count(child) for child in inner)


def describe(node: Node) -> Description:
    data = node.SerializeToString()
    text = json_format.MessageToJson(node, indent=None)
    assert json_format.Parse(text, Node()) == node
    return Description(text, count(node), len(data), Node.FromString(data))


class DocumentsService(Documents):
    def describe(self, request: Node, context: okra.Context) -> Description:
        if request.name == "wrong":
            failure = PreconditionFailure(
                [PreconditionFailure.Violation("NAME", "wrong", "another name")]
            )
            raise okra.FailedPrecondition("wrong", details=[failure])
        return describe(request)

    def repack(self, request: Packed, context: okra.Context) -> Packed:
        answer = Packed()
        for item in request.items:
            answer.json.append(json_format.MessageToJson(item, indent=None))
            if note := item.unpacked(Note):
                note.text += "!"
                item = okra.Any.packed(note)
            answer.items.append(item)
        return answer

    def begin(self, request: Node, context: okra.Context) -> Operation:
        response = okra.Any.packed(describe(request))
        return Operation("operations/1", done=True, result=Operation.Result.Response(response))
