"""DICOMweb over a real store and real files."""
