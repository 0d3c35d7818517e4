using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What makes a virtio device what it is: its features, its configuration space, and what it does with a chain.</summary>
/// <remarks>
/// <see cref="ProcessNext"/>, <see cref="OnActivated"/> and <see cref="OnReset"/> are called under the transport's gate, so never at the
/// same time. A device sees chains; rings, notifications and interrupts are the transport's.
/// </remarks>
public abstract class VirtioDevice
{
    private readonly byte[] _config;

    /// <summary>Makes the device.</summary>
    /// <param name="type">What it is.</param>
    /// <param name="name">What logs and results call it: <c>disk0</c>.</param>
    /// <param name="queueCount">How many queues it has.</param>
    /// <param name="configLength">Bytes of its configuration space.</param>
    protected VirtioDevice(VirtioDeviceType type, string name, int queueCount, int configLength)
    {
        Type = type;
        Name = name;
        QueueCount = queueCount;
        _config = new byte[configLength];
    }

    /// <summary>What it is.</summary>
    public VirtioDeviceType Type { get; }

    /// <summary>What logs and results call it.</summary>
    public string Name { get; }

    /// <summary>How many queues it has.</summary>
    public int QueueCount { get; }

    /// <summary>The features of its kind that it offers.</summary>
    public ulong Features { get; protected init; }

    /// <summary>What it has done so far.</summary>
    public VirtioStatistics Statistics { get; } = new();

    /// <summary>The configuration space. Filled before the device is used; a field that changes later is the device's to guard.</summary>
    protected Span<byte> Config => _config;

    /// <summary>Processes the next chain of a queue.</summary>
    /// <param name="queue">A queue that is ready.</param>
    public abstract QueueProgress ProcessNext(Virtqueue queue);

    /// <summary>The driver is ready.</summary>
    /// <param name="features">The features that were agreed on.</param>
    public virtual void OnActivated(ulong features)
    {
    }

    /// <summary>The driver has reset the device: nothing of it may be left.</summary>
    public virtual void OnReset()
    {
    }

    /// <summary>Gives a device with descriptors of its own the chance to watch them; called once, before the guest runs.</summary>
    /// <param name="transport">The gate and the queues.</param>
    /// <param name="loop">The thread that does the device's work.</param>
    public virtual void Attach(VirtioMmioTransport transport, EventLoop loop)
    {
    }

    /// <summary>Copies configuration space; what lies beyond its end reads as zero.</summary>
    /// <param name="offset">Bytes from its start.</param>
    /// <param name="data">Filled completely.</param>
    internal void ReadConfig(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset < (ulong)_config.Length)
        {
            int length = Math.Min(data.Length, _config.Length - (int)offset);
            _config.AsSpan((int)offset, length).CopyTo(data);
        }
    }

    /// <summary>Sets a 16-bit field of the configuration space.</summary>
    protected void SetConfig16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_config.AsSpan(offset), value);

    /// <summary>Sets a 32-bit field of the configuration space.</summary>
    protected void SetConfig32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_config.AsSpan(offset), value);

    /// <summary>Sets a 64-bit field of the configuration space.</summary>
    protected void SetConfig64(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_config.AsSpan(offset), value);
}
