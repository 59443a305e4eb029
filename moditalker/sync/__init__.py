"""The lip-sync expert: how well a mouth and a recording fit each other, and by how many frames they are apart."""
