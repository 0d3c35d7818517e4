using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Tests.Sessions;

/// <summary>A session that AMD's sev-tool made, and the private key of the platform that it was made for.</summary>
internal sealed record SevToolSession(byte[] Godh, byte[] Session, byte[] Keys, string PdhPem, JsonElement Expect)
{
    internal SevPolicy Policy => new(Expect.GetProperty("policy").GetUInt32());

    internal static SevToolSession Read(string folder) => new(
        Vectors.Bytes($"amd-sev-tool/{folder}/godh.cert"),
        Vectors.Bytes($"amd-sev-tool/{folder}/launch_blob.bin"),
        Vectors.Bytes($"amd-sev-tool/{folder}/tmp_tk.bin"),
        Vectors.Text($"amd-sev-tool/{folder}/pdh_priv.pem"),
        Vectors.Json($"amd-sev-tool/{folder}/expect.json"));

    internal ECDiffieHellman ImportPdh()
    {
        ECDiffieHellman key = ECDiffieHellman.Create();
        key.ImportFromPem(PdhPem);
        return key;
    }
}
