"""Reference files name networks in their own words; this gives ours."""

PLAIN = {"relu", "abs", "sigmoid_like", "gelu", "identity", "sign"}
SERIES = {"tanh", "sigmoid", "softplus"}  # `quad_degree` is the reference library's rule, not the function's
WITH = {"leaky_relu": {"alpha": "slope"}, "polynomial": {"coef": "coefficients"}}
WITH |= {name: {} for name in ("ab_relu", "erf", "sin", "cos", "rbf", "arbf", "exp", "gaussian", "hermite", "monomial", "rectified_monomial")}
SHAPES = {"mlp": {"depth": "depth"}, "resnet": {"blocks": "depth", "block_depth": "block_depth"}}


def activation_of(entry):
    """An activation in interface words, or None where the program has none of that name."""
    name, parameters = (entry, {}) if isinstance(entry, str) else (entry["name"], {k: v for k, v in entry.items() if k != "name"})
    if name in PLAIN | SERIES:
        return name
    if name in WITH:
        renamed = {WITH[name].get(key, key): value for key, value in parameters.items()}
        return {name: renamed} if renamed else name
    return None


def network_of(arch):
    """The `network` value of a reference architecture, or None when the program has none such."""
    activations = [activation_of(entry) for entry in arch.get("activations", [])]
    if arch["type"] not in SHAPES or None in activations:
        return None
    network = {
        "type": arch["type"],
        **{ours: arch[theirs] for ours, theirs in SHAPES[arch["type"]].items()},
        "activation": activations if len(activations) > 1 else activations[0],
        "weight_stddev": arch["W_std"],
        "bias_stddev": arch["b_std"],
        "last_bias_stddev": arch.get("last_b_std", 0.0),
        "parameterization": arch["parameterization"],
        "layer_norm": arch["layer_norm"],
        "input_transform": arch["input_transform"],
    }
    if arch["type"] == "resnet":
        if network.pop("layer_norm"):
            return None
    if arch["parameterization"] == "standard":
        network["width"] = arch["width"]
    return network


def layer_of(entry):
    """A layer in interface words, or None."""
    kind = entry["op"]
    if kind in ("dense", "conv"):
        layer = {"weight_stddev": entry["W_std"], "bias_stddev": entry["b_std"], "parameterization": entry["parameterization"]}
        layer["width"] = entry["out" if kind == "dense" else "out_channels"]
        if kind == "conv":
            layer.update(size=entry["filter"], stride=entry["strides"], padding=entry["padding"].lower())
        return {kind: layer}
    if kind == "act":
        activation = activation_of({key: value for key, value in entry.items() if key != "op"})
        return {"activation": activation} if activation else None
    if kind == "avg_pool":
        return {"average_pool": {"size": entry["window"], "stride": entry["strides"], "padding": entry["padding"].lower()}}
    if kind == "sum":
        branches = [layers_of(branch) for branch in entry["branches"]]
        return None if None in branches else {"parallel": branches}
    return {"flatten": "flatten", "global_avg_pool": "global_average_pool", "layer_norm": "layer_norm"}[kind]


def layers_of(entries):
    layers = [layer_of(entry) for entry in entries]
    return None if None in layers else layers


def image_of(spec):
    return dict(zip(("height", "width", "channels"), spec["input_shape"]))


def spelled_out(spec):
    """The network of a reference case, layer by layer, or None."""
    layers = layers_of(spec["layers"])
    network = {"type": "layers", "layers": layers, "input_transform": spec["input_transform"]}
    if len(spec["input_shape"]) == 3:
        network["image"] = image_of(spec)
    return network if layers else None
