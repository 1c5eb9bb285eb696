"""A graph attention network (Velickovic et al., 2017) by gather and scatter, in plain PyTorch; nodes and edges vary."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.models.zoo import Dynamic, Model, ZooModel, seeded

FEATURES, WIDTH, HEADS, CLASSES = 16, 32, 4, 7


class Layer(nn.Module):
    """Every node takes a weighted mean of its sources: [nodes, in] -> [nodes, heads * out]."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.values = nn.Linear(features, HEADS * width, bias=False)
        self.source, self.target = nn.Parameter(torch.randn(HEADS, width)), nn.Parameter(torch.randn(HEADS, width))

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """``edges`` [2, edges]: from, to. A softmax over the edges that end in a node; nodes without give zeros."""
        values = self.values(x).unflatten(1, (HEADS, -1))
        start, end = edges[0], edges[1]
        raw = F.leaky_relu((values * self.source).sum(-1)[start] + (values * self.target).sum(-1)[end], 0.2)
        place = end[:, None].expand(-1, HEADS)
        largest = raw.new_full((x.shape[0], HEADS), -torch.inf).scatter_reduce(0, place, raw, "amax")
        weight = (raw - largest[end]).exp()
        total = torch.zeros_like(largest).index_add(0, end, weight)
        mixed = torch.zeros_like(values).index_add(0, end, (weight / total[end])[:, :, None] * values[start])
        return mixed.flatten(1)


class GraphAttention(nn.Module):
    """Two layers and a mean over all nodes: class scores of the nodes and of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Layer(FEATURES, WIDTH), Layer(HEADS * WIDTH, WIDTH)
        self.head = nn.Linear(HEADS * WIDTH, CLASSES)

    def forward(self, x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` [nodes, features], ``edges`` [2, edges] -> [nodes, classes], [classes]."""
        hidden = F.elu(self.second(F.elu(self.first(x, edges)), edges))
        return self.head(hidden), self.head(hidden.mean(0))


def inputs(nodes: int, edges: int) -> tuple[Tensor, ...]:
    """A random graph."""
    generator = seeded(nodes, edges)
    return torch.randn(nodes, FEATURES, generator=generator), torch.randint(0, nodes, (2, edges), generator=generator)


def make() -> Model:
    """Random weights, 20 nodes."""
    torch.manual_seed(0)
    return GraphAttention().eval(), inputs(20, 60)


GRAPH_NETWORK = ZooModel(
    name="graph_network",
    kind="graph",
    make=make,
    raced=False,
    config=f"2 attention layers of {HEADS} heads, width {WIDTH}, 20 nodes, 60 edges",
    dynamic=Dynamic(
        example=(20, 60),
        shapes=lambda: ({0: torch.export.Dim("nodes", max=4096)}, {1: torch.export.Dim("edges", max=65536)}),
        inputs=inputs,
        sizes={"nodes": (1, 40), "edges": (0, 150)},
    ),
)
