using System.Globalization;
using System.Text;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--net tap=NAME|socket=PATH[,mac=…]</c>.</summary>
internal static class NetValue
{
    private const string Option = "--net";

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">An unknown key, or a value that cannot be.</exception>
    internal static NetConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, "tap", "socket", "mac");
        string? tap = list.Get("tap");
        string? socket = list.Get("socket");
        if (tap is null == socket is null)
        {
            throw new UsageException($"{Option}: give either tap=NAME or socket=PATH");
        }

        if (tap is not null && Encoding.UTF8.GetByteCount(tap) > TapDevice.MaxNameLength)
        {
            throw new UsageException($"{Option} tap: '{tap}' is longer than an interface's name can be ({TapDevice.MaxNameLength} bytes)");
        }

        // A bare null would become an empty address here, which is one.
        return new NetConfig(tap, socket, list.Get("mac") is string mac ? ParseMac(mac) : default(ReadOnlyMemory<byte>?));
    }

    private static ReadOnlyMemory<byte> ParseMac(string text)
    {
        string[] parts = text.Split(':');
        byte[] mac = new byte[6];
        bool isGood = parts.Length == mac.Length;
        for (int i = 0; i < mac.Length && isGood; i++)
        {
            isGood = parts[i].Length == 2
                && byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out mac[i]);
        }

        return isGood && (mac[0] & 1) == 0
            ? mac
            : throw new UsageException(
                $"{Option} mac: '{text}' is not the address of one station", "write for instance mac=02:00:00:00:00:01");
    }
}
