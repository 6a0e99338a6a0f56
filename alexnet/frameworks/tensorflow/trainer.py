"""The trainer of TensorFlow and Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

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
from alexnet.weights import Weights, channels_last, check

Batch = tuple[Any, Any]

_PIXELS = np.int16
"""The type in which pixels are sent to the device: 0 to 255 is exact. Apple's plugin casts no uint8 to
float32, and converting a batch of 64 on the host takes 20 microseconds (AMD EPYC)."""
_IMAGES = tf.TensorSpec((None, *IMAGE_SHAPE), _PIXELS)


def device_string(device: Device) -> str:
    """TensorFlow's name for a device."""
    return HOST if device == "cpu" else "/GPU:0"


def _on_device(images: Images) -> Any:
    """uint8 pixels as the int16 tensor that `Preprocess` takes, on the device of the scope."""
    return tf.constant(images.astype(_PIXELS))


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
        self.device = device_string(device)
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
        self.load(weights)
        self._logits = self._compile(self._evaluate, [_IMAGES])
        self._dropouts = [layer for layer in self.model.layers if isinstance(layer, HostSeededDropout)]
        self._draw_seeds = self._compile(self._next_seeds, [])
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        # The old momentum is freed before the new one is allocated, or peak memory would include both.
        self._step: Any = None
        self._velocities: list[Any] = []
        trained = self.model.layers if train == "all" else [self.model.get_layer(self.net.head)]
        self._trainable = [w.value for layer in trained for w in layer.trainable_weights]
        with tf.device(self.device):
            self._velocities = [tf.Variable(tf.zeros_like(w)) for w in self._trainable]
        # A new function: the old one is compiled for the old stage's variables.
        self._step = self._compiled_step()

    def _compiled_step(self) -> Any:
        signature = [_IMAGES, tf.TensorSpec((None,), tf.int64), tf.TensorSpec((), tf.float32)]
        if not self.form.jit_compile:
            return self._compile(self._train, signature)
        seeds = tf.TensorSpec((len(self._dropouts), 2), tf.int32)
        return self._compile(self._train_seeded, [*signature, seeds], jit_compile=True)

    def _compile(
        self, function: Callable[..., Any], signature: list[Any], *, jit_compile: bool = False
    ) -> Any:
        return tf.function(function, jit_compile=jit_compile, input_signature=signature)

    def _next_seeds(self) -> Any:
        """int32 (dropouts, 2), on the host."""
        with tf.device(HOST):
            seeds = [layer.next_seed() for layer in self._dropouts]
            return tf.stack(seeds) if seeds else tf.zeros((0, 2), tf.int32)

    def _train_seeded(self, images: Any, labels: Any, learning_rate: Any, seeds: Any) -> None:
        """The step with its dropouts' seeds as an argument: XLA takes no variable of another device."""
        with given_seeds(self._dropouts, seeds):
            self._train(images, labels, learning_rate)

    def to_device(self, images: Images, labels: Labels) -> Batch:
        with tf.device(self.device):
            return _on_device(images), tf.constant(labels.astype(np.int64))

    def _train(self, images: Any, labels: Any, learning_rate: Any) -> None:
        prepared = self.preprocess(images)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._trainable)
            logits = tf.cast(self.model(prepared, training=True), tf.float32)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
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
        images, labels = batch
        with tf.device(self.device):
            if learning_rate != self._rate[0]:  # or every step would copy it to the device
                self._rate = learning_rate, tf.constant(learning_rate, tf.float32)
            seeds = [self._draw_seeds()] if self.form.jit_compile else []
            self._step(images, labels, self._rate[1], *seeds)
        self._steps += 1
        self._images += labels.shape[0]

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
            logits: Logits = self._logits(_on_device(images)).numpy()
        return logits

    def activations(self, images: Images) -> dict[str, Any]:
        with tf.device(self.device):
            return channels_first(self.net, self._outputs(images))

    def _outputs(self, images: Images) -> Iterator[tuple[str, Any]]:
        """INPUT and each row's name -> its output, float32, channels last; padding is no row."""
        names = {row.layer.name for row in self.net.rows}
        x = self.preprocess(_on_device(images))
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
        return np.ascontiguousarray(self.conversions[name].to_canonical(variable.numpy()))

    def ops_off_device(self, batch: Batch) -> list[str]:
        if self.form.jit_compile:
            return self._tensors_off_device(batch)
        # TensorFlow records placement when it compiles, so the step is compiled again.
        self._step = self._compiled_step()
        return ops_off_device(lambda: self.step(batch, 0.0), self.device)

    def _tensors_off_device(self, batch: Batch) -> list[str]:
        """The tensors of a step that lie elsewhere, as "NAME on DEVICE".

        XLA makes one program of the step, for the device of its variables. It raises an error for an
        operation that it lacks there, and for a variable of another device.
        """
        self.step(batch, 0.0)
        tensors = {name: variable.value for name, variable in self._variables().items()}
        tensors |= {f"{name} momentum": v for name, v in self._momentum_variables().items()}
        tensors |= {"images": batch[0], "labels": batch[1]}
        places = {name: tensor.device.split("device:")[-1] for name, tensor in tensors.items()}
        expected = self.device.strip("/")
        return [f"{name} on {place}" for name, place in places.items() if place != expected]

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self._assign(self._variables(), weights)

    def _assign(self, variables: dict[str, Any], weights: Weights) -> None:
        with tf.device(self.device):
            for name, variable in variables.items():
                variable.assign(np.ascontiguousarray(self.conversions[name].to_framework(weights[name])))

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
