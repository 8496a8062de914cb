def output_name(path):
    stem, _, ending = path.rpartition("/")[2].rpartition(".")
    return f"{stem}-enhanced.{ending}"
