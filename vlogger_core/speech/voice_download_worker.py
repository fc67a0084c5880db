"""Child process that downloads one file from Hugging Face. Run by file path; it imports nothing of the package.

Its argument is a JSON object of the keyword arguments of `huggingface_hub.hf_hub_download`. It prints nothing if the
file has come, else one line that says why not.
"""

import json
import sys


def download(arguments):
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        hf_hub_download(**arguments)
    except (HfHubHTTPError, OSError, ValueError) as error:
        print(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)


if __name__ == "__main__":
    download(json.loads(sys.argv[1]))
