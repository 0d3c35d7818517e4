using System.Text;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices.Virtio;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--vsock cid=N,socket=PATH</c>.</summary>
internal static class VsockValue
{
    private const string Option = "--vsock";

    // sockaddr_un has 108 bytes with the final NUL, and "_" and a port of ten digits may come behind the path.
    private const int LongestPath = 96;

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">An unknown key, or a value that cannot be.</exception>
    internal static VsockConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, "cid", "socket");
        string cid = list.Get("cid") ?? throw Missing("cid");
        string path = list.Get("socket") ?? throw Missing("socket");
        return Encoding.UTF8.GetByteCount(path) <= LongestPath
            ? new VsockConfig((uint)NumberValue.Parse($"{Option} cid", cid, VirtioVsock.FirstGuestCid, uint.MaxValue - 1), path)
            : throw new UsageException($"{Option} socket: the path is longer than {LongestPath} bytes");
    }

    private static UsageException Missing(string key) =>
        new($"{Option}: {key} is missing", "write for instance --vsock cid=3,socket=vsock.sock");
}
