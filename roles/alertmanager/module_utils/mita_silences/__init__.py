"""What the module `alertmanager_silences` does, without Ansible."""
