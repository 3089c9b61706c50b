"""Agent runtimes: shipped presets and the scripted agent."""
