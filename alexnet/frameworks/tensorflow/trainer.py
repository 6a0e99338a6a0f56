"""The trainer of TensorFlow and Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from alexnet.data import IMAGE_SHAPE, Images, Labels
from alexnet.frameworks.outputs import channels_first
from alexnet.frameworks.protocol import Device, RandomState, ResumeError, check_same_shapes
from alexnet.frameworks.tensorflow.form import FLOAT32, Form
from alexnet.frameworks.tensorflow.layers import HOST, HostSeededDropout, given_seeds, keras_layers
from alexnet.frameworks.tensorflow.placement import ops_off_device
from alexnet.frameworks.tensorflow.preprocess import Preprocess
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import INPUT, Network
from alexnet.weights import Weights, channels_last, check, contiguous


class Batch(NamedTuple):
    """The `size` images from `start` on of those that lie on the device, and their labels."""

    images: Any
    labels: Any
    start: int
    size: int


def sent_as(device: Device) -> Any:
    """The numpy dtype in which pixels and labels are sent to a device: 0 to 255 is exact in both.

    Apple's plugin slices float16, bfloat16 and float32 alone, and casts no uint8 to float32.
    """
    return np.float16 if device == "mps" else np.uint8


def device_string(device: Device) -> str:
    """TensorFlow's name for a device."""
    return HOST if device == "cpu" else "/GPU:0"


class TensorflowTrainer:
    """The `Trainer` of TensorFlow: a Keras model and a compiled step."""

    def __init__(
        self,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        *,
        device: Device,
        seed: int,
        form: Form = FLOAT32,
    ) -> None:
        self.net, self.recipe, self.form = net, recipe, form
        self.device, self._sent_as = device_string(device), sent_as(device)
        self._images_spec = tf.TensorSpec((None, *IMAGE_SHAPE), self._sent_as)
        self.conversions = channels_last(net)
        with tf.device(self.device):
            size = net.image_size
            layers = [
                layer
                for i, row in enumerate(net.rows)
                for layer in keras_layers(row, seed=seed + i, policy=form.policy)
            ]
            self.model = keras.Sequential([keras.Input((size, size, 3)), *layers])
            self.preprocess = Preprocess(recipe, size=size)
            self._loss_sum = tf.Variable(0.0)
            self._correct = tf.Variable(0.0)
        self._steps = self._images = 0
        self._rate: tuple[float | None, Any] = None, None
        self._starts: dict[int, tuple[Any, Any]] = {}
        self.load(weights)
        self._logits = self._compile(self._evaluate, [self._images_spec])
        self._dropouts = [layer for layer in self.model.layers if isinstance(layer, HostSeededDropout)]
        self._draw_seeds = self._compile(self._next_seeds, [])
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        # The old momentum is freed before the new one is allocated, or peak memory would include both.
        self._compiled_steps: dict[int | None, Any] = {}
        self._velocities: list[Any] = []
        trained = self.model.layers if train == "all" else [self.model.get_layer(self.net.head)]
        self._trainable = [w.value for layer in trained for w in layer.trainable_weights]
        with tf.device(self.device):
            self._velocities = [tf.Variable(tf.zeros_like(w)) for w in self._trainable]

    def _step(self, batch: Batch) -> Any:
        """The compiled step of a stage for the length of a part, or for a whole batch."""
        length = batch.size if batch.size < len(batch.labels) else None
        if length not in self._compiled_steps:
            self._compiled_steps[length] = self._compiled_step(length)
        return self._compiled_steps[length]

    def _compiled_step(self, length: int | None) -> Any:
        """A step on the `length` images from where its `starts` say, or on all of them."""

        def step(images: Any, labels: Any, starts: tuple[Any, Any], rate: Any, *seeds: Any) -> None:
            if length is not None:
                images = tf.slice(images, starts[0], (length, *IMAGE_SHAPE))
                labels = tf.slice(labels, starts[1], (length,))
            # XLA takes no variable of another device, so its dropouts' seeds are an argument.
            with given_seeds(self._dropouts, *seeds) if seeds else nullcontext():
                self._train(images, labels, rate)

        signature = [
            self._images_spec,
            tf.TensorSpec((None,), self._sent_as),
            (tf.TensorSpec((1 + len(IMAGE_SHAPE),), tf.int32), tf.TensorSpec((1,), tf.int32)),
            tf.TensorSpec((), tf.float32),
        ]
        if self.form.jit_compile:
            signature.append(tf.TensorSpec((len(self._dropouts), 2), tf.int32))
        return self._compile(step, signature, jit_compile=self.form.jit_compile)

    def _compile(
        self, function: Callable[..., Any], signature: list[Any], *, jit_compile: bool = False
    ) -> Any:
        return tf.function(function, jit_compile=jit_compile, input_signature=signature)

    def _next_seeds(self) -> Any:
        """int32 (dropouts, 2), on the host."""
        with tf.device(HOST):
            seeds = [layer.next_seed() for layer in self._dropouts]
            return tf.stack(seeds) if seeds else tf.zeros((0, 2), tf.int32)

    def to_device(self, images: Images, labels: Labels) -> Batch:
        with tf.device(self.device):
            return Batch(self._sent(images), self._sent(labels), start=0, size=len(labels))

    def _sent(self, array: Images | Labels) -> Any:
        """The pixels or labels in the type in which they are sent, on the device of the scope."""
        return tf.constant(array.astype(self._sent_as))

    def part(self, batch: Batch, start: int, size: int) -> Batch:
        return batch._replace(start=start, size=size)

    def _start(self, image: int) -> tuple[Any, Any]:
        """Where a part begins in images and labels, int32 on the host, as every device has it."""
        if image not in self._starts:
            with tf.device(HOST):
                self._starts[image] = tf.constant([image, 0, 0, 0]), tf.constant([image])
        return self._starts[image]

    def _train(self, images: Any, labels: Any, learning_rate: Any) -> None:
        prepared = self.preprocess(images)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._trainable)
            logits = tf.cast(self.model(prepared, training=True), tf.float32)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=tf.cast(labels, tf.int64), logits=logits
                )
            )
            scale = self.form.loss_scale
            scaled = loss if scale == 1 else loss * scale
        gradients = tape.gradient(scaled, self._trainable)
        if scale != 1:
            gradients = [gradient / scale for gradient in gradients]
        for weight, velocity, gradient in zip(self._trainable, self._velocities, gradients, strict=True):
            # Torch's form: v = momentum v + g, w = w - rate v. Keras's SGD includes the rate in v, which
            # differs as soon as the rate changes.
            tf.raw_ops.ResourceApplyMomentum(
                var=weight.handle,
                accum=velocity.handle,
                lr=learning_rate,
                grad=gradient,
                momentum=self.recipe.momentum,
                use_nesterov=False,
            )
        # Compared as floats: int32 would be compared on the host, which would mean a copy at every step.
        # int32 is the one output type for which Apple's plugin has an argmax.
        predictions = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32), tf.float32)
        correct = tf.equal(predictions, tf.cast(labels, tf.float32))
        self._loss_sum.assign_add(loss)
        self._correct.assign_add(tf.reduce_sum(tf.cast(correct, tf.float32)))

    def step(self, batch: Batch, learning_rate: float) -> None:
        with tf.device(self.device):
            if learning_rate != self._rate[0]:  # or every step would copy it to the device
                self._rate = learning_rate, tf.constant(learning_rate, tf.float32)
            seeds = [self._draw_seeds()] if self.form.jit_compile else []
            step = self._step(batch)
            step(batch.images, batch.labels, self._start(batch.start), self._rate[1], *seeds)
        self._steps += 1
        self._images += batch.size

    def pop_metrics(self) -> tuple[float, float]:
        metrics = float(self._loss_sum) / self._steps, float(self._correct) / self._images
        with tf.device(self.device):  # where the two variables are
            self._loss_sum.assign(0.0)
            self._correct.assign(0.0)
        self._steps = self._images = 0
        return metrics

    def synchronize(self) -> None:
        # When a step returns, all its work is in the device's one queue, so this read comes after it.
        # The first layer's weights are read because their gradient is computed last. TensorFlow has no
        # synchronisation that a pluggable device must honour.
        with tf.device(self.device):
            tf.reshape(self._trainable[0], [-1])[0].numpy()

    def _evaluate(self, images: Any) -> Any:
        return tf.cast(self.model(self.preprocess(images), training=False), tf.float32)

    def logits(self, images: Images) -> Logits:
        with tf.device(self.device):
            logits: Logits = self._logits(self._sent(images)).numpy()
        return logits

    def activations(self, images: Images) -> dict[str, Any]:
        with tf.device(self.device):
            return channels_first(self.net, self._outputs(images))

    def _outputs(self, images: Images) -> Iterator[tuple[str, Any]]:
        """INPUT and each row's name -> its output, float32, channels last; padding is no row."""
        names = {row.layer.name for row in self.net.rows}
        x = self.preprocess(self._sent(images))
        yield INPUT, x.numpy()
        for layer in self.model.layers:
            x = layer(x, training=False)
            if layer.name in names:
                yield layer.name, tf.cast(x, tf.float32).numpy()

    def _variables(self) -> dict[str, Any]:
        """Canonical name -> Keras variable."""
        return {
            f"{layer.name}.{part}": variable
            for layer in self.model.layers
            if layer.weights and f"{layer.name}.weight" in self.net.tensors
            for part, variable in zip(("weight", "bias"), layer.trainable_weights, strict=True)
        }

    def weights(self) -> Weights:
        return {name: self._canonical(name, variable) for name, variable in self._variables().items()}

    def layouts(self) -> dict[str, str]:
        return {name: conversion.description for name, conversion in self.conversions.items()}

    def momentum(self) -> Weights:
        return {name: self._canonical(name, v) for name, v in self._momentum_variables().items()}

    def _momentum_variables(self) -> dict[str, Any]:
        """Canonical name -> velocity of each weight that this stage trains."""
        velocity_of = {
            id(weight): velocity
            for weight, velocity in zip(self._trainable, self._velocities, strict=True)
        }
        return {
            name: velocity_of[id(variable.value)]
            for name, variable in self._variables().items()
            if id(variable.value) in velocity_of
        }

    def _canonical(self, name: str, variable: Any) -> Any:
        return contiguous(self.conversions[name].to_canonical(variable.numpy()))

    def ops_off_device(self, batch: Batch) -> list[str]:
        if self.form.jit_compile:
            return self._tensors_off_device(batch)
        # TensorFlow records placement when it compiles, so the step is compiled again.
        self._compiled_steps.clear()
        return ops_off_device(lambda: self.step(batch, 0.0), self.device)

    def _tensors_off_device(self, batch: Batch) -> list[str]:
        """The tensors of a step that lie elsewhere, as "NAME on DEVICE".

        XLA makes one program of the step, for the device of its variables. It raises an error for an
        operation that it lacks there, and for a variable of another device.
        """
        self.step(batch, 0.0)
        tensors = {name: variable.value for name, variable in self._variables().items()}
        tensors |= {f"{name} momentum": v for name, v in self._momentum_variables().items()}
        tensors |= {"images": batch.images, "labels": batch.labels}
        places = {name: tensor.device.split("device:")[-1] for name, tensor in tensors.items()}
        expected = self.device.strip("/")
        return [f"{name} on {place}" for name, place in places.items() if place != expected]

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self._assign(self._variables(), weights)

    def _assign(self, variables: dict[str, Any], weights: Weights) -> None:
        with tf.device(self.device):
            for name, variable in variables.items():
                variable.assign(contiguous(self.conversions[name].to_framework(weights[name])))

    def _seeds(self) -> dict[str, Any]:
        """Layer name -> the Dropout's seed variable, which counts the masks drawn."""
        return {layer.name: layer.seed_generator.state for layer in self._dropouts}

    def random_state(self) -> RandomState:
        return {name: seed.numpy() for name, seed in self._seeds().items()}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        velocities, seeds = self._momentum_variables(), self._seeds()
        check(weights, self.net)
        check_same_shapes("momentum", momentum, {name: self.net.tensors[name] for name in velocities})
        check_same_shapes(
            "random state", random_state, {name: seed.shape for name, seed in seeds.items()}
        )
        try:
            with tf.device(HOST):
                for name, seed in seeds.items():
                    seed.assign(random_state[name])
        except (ValueError, TypeError) as error:
            raise ResumeError(f"TensorFlow does not take this random state: {error}") from error
        self.load(weights)
        self._assign(velocities, momentum)
