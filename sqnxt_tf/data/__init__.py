"""Labelled images: the bundled digits, folders of images, TFRecords, tensorflow-datasets.

data_source       what the user names as data: `DataSource`, `load_data`
digits            the bundled handwritten digits
folders           folders of images
tfrecords         folders of TFRecord shards
tfds              data sets of tensorflow-datasets
catalogue         the files beside TFRecord shards: names of classes, catalogue of packed shards
records           TFRecord files, record by record
examples          `tf.train.Example` without TensorFlow
encoded           images as files hold them: `EncodedImages`
images            images that are decoded on demand: `ImageSet`
decoding          image files to pixels, by pillow
decoding_limits   what decoding an image may cost
unreadable        unreadable images, their log and their limit
unreadable_image  the error of one image
augmentation      random crop, flip, colours and shift
arrays            image sets preprocessed into memory
batches           the interface between data and training: `Batches`
pipeline          batches of data in memory
streaming         batches of data on disk
cached            batches of photographs that are decoded once
crops             random views of a whole batch
worker_shards     the images that each worker reads
training_data     the three parts of a run's data
packing           the contents of a packed data set
checking          faults of a data set
"""
