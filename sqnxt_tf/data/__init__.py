"""Images and labels: the bundled digits, folders of images, TFRecords, tensorflow-datasets."""
