using System.Globalization;
using System.Text.Json;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Reads the members of a launch bundle; each mistake names its member.</summary>
/// <param name="root">The document, an object.</param>
/// <param name="input">The file's name, for messages.</param>
internal sealed class BundleReader(JsonElement root, string input)
{
    private const string Schema = "kvmsev.launch-bundle/1";

    /// <summary>The document.</summary>
    internal JsonElement Root => root;

    /// <summary>The file's name.</summary>
    internal string Input => input;

    /// <summary>Refuses a document of another kind.</summary>
    internal void RequireSchema()
    {
        string schema = Text(root, "schema");
        if (schema != Schema)
        {
            throw Fault("schema", $"\"{OneLine.Clean(schema)}\" is not {Schema}");
        }
    }

    /// <summary>A member of one of these kinds.</summary>
    internal JsonElement Member(JsonElement parent, string name, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out JsonElement member))
        {
            throw Fault(name, "it is missing");
        }

        return kinds.Contains(member.ValueKind) ? member : throw Fault(name, $"it is JSON's {member.ValueKind}");
    }

    /// <summary>A text.</summary>
    internal string Text(JsonElement parent, string name) => TextOf(Member(parent, name, JsonValueKind.String), name);

    /// <summary>True or false.</summary>
    internal bool Flag(JsonElement parent, string name) => Member(parent, name, JsonValueKind.True, JsonValueKind.False).GetBoolean();

    /// <summary>A whole number between two bounds, both possible.</summary>
    internal ulong Number(JsonElement parent, string name, ulong minimum, ulong maximum) =>
        Member(parent, name, JsonValueKind.Number).TryGetUInt64(out ulong value) && value >= minimum && value <= maximum
            ? value
            : throw Fault(name, $"it is no whole number from {minimum} to {maximum}");

    /// <summary>A text such as <c>0x1f</c>.</summary>
    internal ulong Hex(JsonElement parent, string name, ulong maximum)
    {
        string text = Text(parent, name);
        return text.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            && value <= maximum
                ? value
                : throw Fault(name, $"\"{OneLine.Clean(text)}\" is no number with 0x up to 0x{maximum:x}");
    }

    /// <summary>Bytes as hexadecimal digits.</summary>
    internal byte[] HexBytes(JsonElement parent, string name, int size)
    {
        string text = Text(parent, name);
        return text.Length == size * 2 && text.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(text)
            : throw Fault(name, $"it is not {size * 2} hexadecimal digits");
    }

    /// <summary>Bytes as base64, as many as there are, a member of an object.</summary>
    internal byte[] Base64Bytes(JsonElement parent, string name)
    {
        string text = Text(parent, name);
        byte[] bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out int written) ? bytes[..written] : throw Fault(name, "it is no base64");
    }

    /// <summary>Bytes as base64, a member of an object.</summary>
    internal byte[] Base64Bytes(JsonElement parent, string name, int size) =>
        Base64(Member(parent, name, JsonValueKind.String), name, size);

    /// <summary>Bytes as base64.</summary>
    internal byte[] Base64(JsonElement member, string name, int size)
    {
        if (member.ValueKind != JsonValueKind.String)
        {
            throw Fault(name, $"it is JSON's {member.ValueKind}");
        }

        byte[] bytes = new byte[size];
        return Convert.TryFromBase64String(TextOf(member, name), bytes, out int written) && written == size
            ? bytes
            : throw Fault(name, $"it is not {size} bytes as base64");
    }

    /// <summary>What another reader makes of a text.</summary>
    internal T Parse<T>(JsonElement parent, string name, Func<string, T> parse)
    {
        try
        {
            return parse(Text(parent, name));
        }
        catch (SevFormatException fault) when (fault.Input != input)
        {
            throw Fault(name, fault.Problem, fault);
        }
        catch (UsageException fault)
        {
            throw Fault(name, fault.Message, fault);
        }
    }

    /// <summary>The firmware's version.</summary>
    internal SevFirmwareVersion FirmwareVersion()
    {
        JsonElement firmware = Member(root, "firmware", JsonValueKind.Object);
        return new SevFirmwareVersion(Byte(firmware, "apiMajor"), Byte(firmware, "apiMinor"), Byte(firmware, "build"));
    }

    private byte Byte(JsonElement parent, string name) =>
        Member(parent, name, JsonValueKind.Number).TryGetByte(out byte value) ? value : throw Fault(name, "it is no number from 0 to 255");

    private string TextOf(JsonElement member, string name)
    {
        try
        {
            return member.GetString()!;
        }
        catch (InvalidOperationException fault)
        {
            // Half a surrogate pair, which JSON can write and no text can hold.
            throw Fault(name, "it is no valid text", fault);
        }
    }

    private SevFormatException Fault(string name, string problem, Exception? cause = null) =>
        cause is null ? new SevFormatException(input, name, problem) : new SevFormatException(input, name, problem, cause);
}
