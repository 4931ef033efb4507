"""Images and labels: the bundled digits, folders of images, the tf.data pipeline."""
