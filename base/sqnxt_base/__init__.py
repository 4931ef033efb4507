"""Code that the three packages share. It needs the standard library only.

| file | role |
|---|---|
| `errors` | the tree of errors: object, fault and remedy |
| `public_names` | the public names of a package, loaded when they are first used |
"""
