"""Option objects: what a verb is asked to do, checked once where the object is made, and passed on whole.

```
artifacts.py   export, compress, verify, benchmark, report
microcontroller.py   micro
training.py    train, prune, prune --scan, evolve
searching.py   search and the training of its finalists
```

A public function takes either such an object or its fields as keywords.
"""
