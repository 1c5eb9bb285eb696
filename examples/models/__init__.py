"""A small zoo: the models that tests, tables and the bench share. ``zoo()[name].make() -> (model, args)``.

Each file holds one model; weights are random from a seed, except MiniLM's. Listing imports torch, but neither timm,
torchvision nor transformers.
"""

from examples.models.zoo import Dynamic, Model, ZooModel

__all__ = ["Dynamic", "Model", "ZooModel", "raced", "zoo"]


def zoo() -> dict[str, ZooModel]:
    """All models by name, in the order of the tables."""
    from examples.models import (
        bert,
        clip,
        control_flow,
        convnext,
        densenet,
        detr,
        efficientnet,
        gpt2,
        graph_network,
        llama,
        lstm,
        mamba,
        minilm,
        mixtral,
        mobilenet,
        resnet,
        swin,
        t5,
        unet,
        vae,
        vit,
        whisper,
    )  # fmt: skip

    models = (
        resnet.RESNET18,
        mobilenet.MOBILENET_V3_SMALL,
        vit.VIT_TINY,
        swin.SWIN_TINY,
        bert.BERT,
        minilm.MINILM,
        gpt2.GPT2,
        llama.LLAMA,
        llama.LLAMA_FUNCTIONAL_CACHE,
        llama.LLAMA_STATIC_CACHE,
        llama.LLAMA_STATIC_PREFILL,
        lstm.LSTM,
        efficientnet.EFFICIENTNET_B0,
        convnext.CONVNEXT_ATTO,
        densenet.DENSENET,
        detr.DETR,
        unet.UNET,
        vae.VAE,
        clip.CLIP,
        whisper.WHISPER,
        t5.T5,
        mixtral.MIXTRAL,
        mamba.MAMBA,
        graph_network.GRAPH_NETWORK,
        control_flow.CONTROL_FLOW,
    )
    return {model.name: model for model in models}


def raced() -> dict[str, ZooModel]:
    """Those of them whose speed is compared."""
    return {name: model for name, model in zoo().items() if model.raced}
