"""Configuration: from floe.yaml, CompiledArtifacts and the environment to validated targets."""
