"""From a run to a robot: folders that hold all a robot needs, and an agent that goes on learning while it drives.

:mod:`crl.deployment.export` writes such a folder, :mod:`crl.deployment.load` reads it, and the pilot decides with it
(:class:`crl.deployment.pilot.Pilot`). Learning happens in a process of its own (:mod:`crl.deployment.learner`), whose
weights come back through shared memory (:mod:`crl.deployment.shared_weights`). Nothing here unpickles anything.
"""
