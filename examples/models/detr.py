"""A detector shaped as DETR (Carion et al., 2020): convolutions, a transformer, one box for each learnt query."""

import itertools

import torch
from torch import Tensor, nn

from examples.models.resnet import randomise_batch_norm
from examples.models.zoo import Model, ZooModel, batches_of_images, image

WIDTH, QUERIES, CLASSES, SIZE = 64, 10, 21, 64


class Detector(nn.Module):
    """Pictures [batch, 3, 64, 64] -> class logits [batch, queries, classes] and boxes [batch, queries, 4] in 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, 16, 32, WIDTH)
        self.backbone = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in itertools.pairwise(channels)
            )
        )
        self.transformer = nn.Transformer(WIDTH, 4, 2, 2, 2 * WIDTH, dropout=0.0, batch_first=True)
        self.rows, self.columns = nn.Parameter(torch.rand(SIZE // 8, WIDTH)), nn.Parameter(torch.rand(SIZE // 8, WIDTH))
        self.queries = nn.Parameter(torch.rand(QUERIES, WIDTH))
        self.classes = nn.Linear(WIDTH, CLASSES)
        self.boxes = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The transformer's encoder sees the picture's 64 places, its decoder the queries."""
        places = self.backbone(x).flatten(2).transpose(1, 2) + (self.rows[:, None] + self.columns).flatten(0, 1)
        found = self.transformer(places, self.queries.expand(x.shape[0], -1, -1))
        return self.classes(found), self.boxes(found).sigmoid()


def make() -> Model:
    """Random weights, two pictures."""
    torch.manual_seed(0)
    model = Detector().eval()
    randomise_batch_norm(model)
    return model, (image(2, SIZE, SIZE),)


DETR = ZooModel(
    name="detr",
    kind="vision",
    make=make,
    raced=False,
    config=f"2 and 2 layers of width {WIDTH}, {QUERIES} queries, {SIZE}x{SIZE}, batch 2",
    dynamic=batches_of_images(SIZE, sizes=(0, 5)),
)
