"""The peer benchmark: this project, Haystack and txtai side by side on the same passages and questions."""
