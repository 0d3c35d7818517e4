using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Psp;

/// <summary>A platform's state as a file holds it: JSON, numbers and blobs as hex.</summary>
internal static class PspStateFile
{
    private const string Format = "kvmsev-psp-1";
    private const int ScalarSize = 48;

    /// <summary>The file's content. It holds private keys.</summary>
    /// <param name="state">The platform.</param>
    internal static byte[] Serialize(PspState state)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("format", Format);
            json.WriteBoolean("isInitialized", state.IsInitialized);
            WriteHex(json, "chipSecret", state.ChipSecret.Span);
            if (state.Seed is not null)
            {
                json.WriteString("seed", state.Seed);
            }

            json.WriteNumber("drawCount", state.DrawCount);
            WriteHex(json, "firmware", [state.Firmware.ApiMajor, state.Firmware.ApiMinor, state.Firmware.Build]);
            json.WriteBoolean("isEncryptedStateConfigured", state.IsEncryptedStateConfigured);
            json.WriteBoolean("isSmtEnabled", state.IsSmtEnabled);
            json.WriteBoolean("scramble", state.Scramble);
            json.WriteString("tcb", state.Tcb.ToString());
            PspIdentity identity = state.Identity;
            if (identity.Oca is { } oca)
            {
                WriteHex(json, "ocaKey", oca.Scalar);
            }

            WriteHex(json, "ocaCertificate", identity.OcaCertificate.Bytes);
            WriteHex(json, "pekKey", identity.Pek.Scalar);
            WriteHex(json, "pekCertificate", identity.PekCertificate.Bytes);
            WriteHex(json, "pdhKey", identity.Pdh.Scalar);
            WriteHex(json, "pdhCertificate", identity.PdhCertificate.Bytes);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a file's content.</summary>
    /// <param name="bytes">The content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">A field is missing or not what it must be.</exception>
    internal static PspState Parse(ReadOnlyMemory<byte> bytes, string input)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            return Read(document.RootElement, input);
        }
        catch (JsonException fault)
        {
            throw new SevFormatException(input, "platform state", "no valid JSON", fault);
        }
    }

    private static PspState Read(JsonElement root, string input)
    {
        if (root.ValueKind != JsonValueKind.Object || GetText(root, "format", input) != Format)
        {
            throw new SevFormatException(input, "format", $"not \"{Format}\"");
        }

        byte[] chipSecret = GetHex(root, "chipSecret", PspState.ChipSecretSize, input);
        byte[] firmware = GetHex(root, "firmware", 3, input);
        PspState state = new()
        {
            IsInitialized = GetFlag(root, "isInitialized", input),
            ChipSecret = chipSecret,
            Seed = root.TryGetProperty("seed", out _) ? GetText(root, "seed", input) : null,
            DrawCount = root.TryGetProperty("drawCount", out JsonElement count)
                && count.ValueKind == JsonValueKind.Number && count.TryGetUInt64(out ulong draws)
                    ? draws
                    : throw new SevFormatException(input, "drawCount", "no number"),
            Firmware = new SevFirmwareVersion(firmware[0], firmware[1], firmware[2]),
            IsEncryptedStateConfigured = GetFlag(root, "isEncryptedStateConfigured", input),
            IsSmtEnabled = GetFlag(root, "isSmtEnabled", input),
            Scramble = GetFlag(root, "scramble", input),
            Tcb = TcbVersion.Parse(GetText(root, "tcb", input)),
            Identity = null!,
        };
        PspKey cek = state.DeriveChipKey("sev-chip-endorsement-key");
        (PspKey? oca, SevCertificate ocaCertificate) = root.TryGetProperty("ocaKey", out _)
            ? GetPair(root, "oca", SevKeyUsage.Oca, input)
            : (null, GetCertificate(root, "ocaCertificate", SevKeyUsage.Oca, input));
        (PspKey pek, SevCertificate pekCertificate) = GetPair(root, "pek", SevKeyUsage.Pek, input);
        (PspKey pdh, SevCertificate pdhCertificate) = GetPair(root, "pdh", SevKeyUsage.Pdh, input);
        SevCertificate cekCertificate = SevCertificate.Create(
            SevKeyUsage.Cek,
            SevKeyAlgorithm.EcdsaSha256,
            cek.Public,
            state.Firmware.ApiMajor,
            state.Firmware.ApiMinor);
        return state with
        {
            Identity = new PspIdentity(oca, ocaCertificate, pek, pekCertificate, pdh, pdhCertificate, cek, cekCertificate),
        };
    }

    private static (PspKey Key, SevCertificate Certificate) GetPair(JsonElement root, string name, SevKeyUsage usage, string input)
    {
        SevCertificate certificate = GetCertificate(root, $"{name}Certificate", usage, input);
        byte[] scalar = GetHex(root, $"{name}Key", ScalarSize, input);
        PspKey key;
        try
        {
            key = PspKey.Import(scalar);
        }
        catch (CryptographicException fault)
        {
            throw new SevFormatException(input, $"{name}Key", "no private key on P-384", fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(scalar);
        }

        byte[] field = new byte[AmdEcKey.Size];
        AmdEcKey.Write(key.Public, field);
        return certificate.KeyField.SequenceEqual(field)
            ? (key, certificate)
            : throw new SevFormatException(input, $"{name}Key", "it does not belong to the certificate");
    }

    private static SevCertificate GetCertificate(JsonElement root, string name, SevKeyUsage usage, string input)
    {
        SevCertificate certificate = SevCertificate.Parse(GetHex(root, name, SevCertificate.Size, input), $"{input} ({name})");
        return certificate.Usage == usage
            ? certificate
            : throw new SevFormatException(input, name, $"a {certificate.Usage.ToName()} certificate");
    }

    private static string GetText(JsonElement root, string name, string input) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && TryGetString(value) is { } text
            ? text
            : throw new SevFormatException(input, name, "no text");

    // A string with a lone surrogate is valid JSON and no valid .NET text.
    private static string? TryGetString(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static bool GetFlag(JsonElement root, string name, string input) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw new SevFormatException(input, name, "neither true nor false");

    private static byte[] GetHex(JsonElement root, string name, int size, string input)
    {
        string text = GetText(root, name, input);
        byte[] bytes;
        try
        {
            bytes = Convert.FromHexString(text);
        }
        catch (FormatException fault)
        {
            throw new SevFormatException(input, name, "no hex digits", fault);
        }

        return bytes.Length == size
            ? bytes
            : throw new SevFormatException(
                input,
                name,
                string.Create(CultureInfo.InvariantCulture, $"{bytes.Length} bytes instead of {size}"));
    }

    private static void WriteHex(Utf8JsonWriter json, string name, ReadOnlySpan<byte> bytes) =>
        json.WriteString(name, Convert.ToHexStringLower(bytes));
}
