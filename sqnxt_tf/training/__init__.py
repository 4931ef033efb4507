"""Training, pruning and fine-tuning of Keras models. TensorFlow is imported when a function needs it.

recipe         every setting of a training run: `Recipe`
recipe_files   recipes as TOML files, and those that come with the package
run_options    everything else about a run: strategy, seed, state on disk; `RunOptions`, `Saving`
loop           the training loop: `train_model`
stepping       one optimizer step, and one batch of evaluation, on all replicas
optimizer      SGD with an L2 penalty and the learning rate of a recipe
losses         smoothed cross-entropy and distillation
averaging      the moving average of weights
randomness     dropout and noise that draw the same numbers in a resumed run
preparing      16-bit arithmetic and synchronised batch norm for training, and a plain model for saving
transfer       weights of another model to begin with
strategies     `tf.distribute` strategies by name, and `TF_CONFIG`
slurm          Slurm's variables as `TF_CONFIG`
local_workers  several workers on one machine, for trials
run_folder     the state of a run on disk
state          checkpoints
tensorboard    curves for TensorBoard
pruning_plan   settings of pruning, and the plan for the layers of a model
pruning        magnitude pruning with fine-tuning
quantised_training  fine-tuning with the rounding of integer artifacts
exportable     a model in the layers that its artifacts have
fake_quantising  a model that rounds weights and activations
quantised_tensors  which activations are rounded
quantizers     how tfmot rounds them
pruning_claims the zeros of a pruned model, counted in what was written
mask_updates   tfmot's masks, for layers in inference mode too
sensitivity    the sensitivity of each layer to pruning
batch_norms    which layers are batch norm
kernels        the kernels of a model, their names and zeros
flattening     a copy of a model without nested models
folding        batch norm folded into the layers before it
centroids      fine-tuning of shared weights
"""
