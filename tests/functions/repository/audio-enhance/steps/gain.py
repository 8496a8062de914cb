def louder(content, strength):
    return content.upper() if strength > 1 else content
