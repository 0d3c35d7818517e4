using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>virtio-rng: fills what the guest gives with the host kernel's random numbers.</summary>
/// <remarks>Source: virtio 1.2, 5.4.</remarks>
public sealed class VirtioRng : VirtioDevice
{
    /// <summary>Most bytes of one answer; a guest that asks for more asks again.</summary>
    public const int MaximumAnswer = 4096;

    private readonly byte[] _bytes = new byte[MaximumAnswer];

    /// <summary>Makes the device.</summary>
    /// <param name="name">What logs and results call it.</param>
    public VirtioRng(string name)
        : base(VirtioDeviceType.Entropy, name, queueCount: 1, configLength: 0)
    {
    }

    /// <inheritdoc/>
    public override QueueProgress ProcessNext(Virtqueue queue)
    {
        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (chain.WritableLength == 0)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        Span<byte> answer = _bytes.AsSpan(0, (int)Math.Min(chain.WritableLength, MaximumAnswer));
        SystemRandom.Fill(answer);
        if (chain.TryWrite(answer))
        {
            Statistics.BytesToGuest += answer.Length;
            queue.AddUsed(chain.Head, (uint)answer.Length);
        }

        // The guest's secret from now on.
        answer.Clear();
        return QueueProgress.Processed;
    }
}
