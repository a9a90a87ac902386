"""How the weights of each task are made: classes that are strategies by themselves, and take parts."""
