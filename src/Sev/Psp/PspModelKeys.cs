namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// The private keys of the model's root and signing authority. They are published here on purpose: every software platform stands below
/// them, so that one can send guests to another, and none of them proves anything to anybody who was not told to believe it.
/// </summary>
internal static class PspModelKeys
{
    /// <summary>The model's ARK: an RSA private key of 4096 bits, PKCS #1, base64.</summary>
    internal const string Ark =
        "MIIJKAIBAAKCAgEAtBwwtNSvSxNZScIy76MnBoMmZKMn9RDVbIqB0uIvEqV9RXZO3doiMrWWprkLjiaUxyEurBK8XsoyQFmCqr0f0Osagc5wp9+c"
        + "+zVXajDDyI0JAdO2ocPxklmyOP0bxMaWwgzPY71SoYhhZEsG7zkwUuzyQ+YtyoS8GIpe2DZE+XlhvJBlfgXfmdeXSU9C1VXwLu9GcjjpwCzZEKyp"
        + "ITHENHVZWZD5m7sXvtMFe2EeVdjjljtX062b0FswOu28yCVs3r6SNWimckm/EIIqJNeatdviCqdhk4QAHzszOllKr2fnx+eX9FOI4dWNNQbVEjni"
        + "dOYbQNo7VX0dQzJESDUksCRGrLXGSpLNt/uRvbsWnB1KzNFOLHYHQ/sui4LR7+qvlTE+a+3vfbhTd1VAaujougF5DWgjGlxkEdTTLwY+aU5BzQ8r"
        + "IXKHljOhabbY002ytLG0tiEvsAvlJ8RGQF8d+UoELD/cc3nqOMfQsYB2/3fwN9m+URokbfr1uOlN1O9HvAORBPVCbhFrvJG1vtd9+V+xOegon2vN"
        + "+7ozXxHanXuiNe2mZTYfTqBS2olhAr94jgs0t4Zqv/ZN9nDb/nDKGwhpve4T6ZoyNidQhgxD0tILTW/Jr3L6c9vzdgTZrjVESdn+419dgsI9vGXt"
        + "uuDTEh+KIL7HCgOnHKrCvD318OcCAwEAAQKCAgAgE8U474govtFwKX4Y393bcxArbEN5if34ztJAVLg9gevFq0RwjqD4lw61ss80CfsFXAuL6epS"
        + "l4BLpaV38ybvdm/KHpJB07mJo/5lkznLRhMMmEA2n0cu4Xq0W5/Oc+/1r4JgKR/GVRvDWPlrMaxBmKGtJhmRsAIv/LTXnRK7u7qEctMglrs0EwmG"
        + "rO8iP6P/N+47+Zbn+xTNu3KDzvE6xoubQA60haW8/qhDSRC2CWK/JuKFeK3/db4pQJ4Wp1O0eAxiJrk+MZQtxIDs/tk2+mpPq2/dbez3ovuEsNJ0"
        + "WvUUzVJq2VXPotD7WLQqAtUqLLE946AdoaLMjO9MTOqzh746krJxkBha/o9lnc1yBisUqjjmGHx5UK8O+lo9YkalJRpHb/xGIIs8qkYtyzV8b9HJ"
        + "i1mKC14ELih4oXETVlKC7wp9gA72aeKev0AgfKqdmOZqHHg3LQmR7oQALxWPWR/dnZUVehvEnFjdO67ERWSPsVO4ax2My0RksRFHh576C9O/Ecul"
        + "mxy2MtQqEyPs5aa5svG9rCIQVq+M/olbSxGO7qSCFvGFFVvgpCEMKsbyUXaiRCT7d+hOKdsB71Y/N8IG5xQTrRlUpBgTmBL3Dmt8/ZwVxdB2E07R"
        + "0/5Fz3sRN3s3jmJN709ZpbCzPOF/5jlQ2r/82uQW3T7mkQN1QQKCAQEA3NN6lVoqx+M8/VRYMsG4XU24V2OAhXXmVNhdVI+RUs5X3oik/n/7chgv"
        + "/doIP55YLk6QvgVasyKIlnUkeWhS2rvyjkDD9u5g2fXFqW1HmM57a/1CVbmep7yQdGHhlg08CiuWAvx9aBfhOWxWAcNMSHXyv3g/+YamckqDtZRR"
        + "452OgPLlSYvH7vo+gw5VwLMBcMiboK8lihs600fGvffq4D4sAzE4ycD/YvuMfwxWReWw4fVsrgLoA+DoQGIF4Z7mfdSzBOadgelDMhLnjhK8eE12"
        + "rkjSZz0LHjduaIqUSOcEEWvOjs4BqjpjTKf+g5ImFyjzDNjnEktswy5GpudI8wKCAQEA0Mx0m0/IAXFX7KQgSUX6qAOCjOuKvzTbhNCpJilIvKN9"
        + "SOWULUrg6yLzWXFwJDfKda7ubVan3bfOz4xj0ZSJCqS1GJJb2QWthgozijLghoBV+Jm7q9OvXi0s+taJh9e/jywifQjzzmqr84OOGpm7hDUzmklc"
        + "xv/dcuKnqM2AZNUhKpV2Zzk00Bm7eq/mj2Ep58+KlzwM90kz0Em83ajuKtAUcG+K7AaqVE45gtYonlpA0J4ix2b5h0+euSLbu2GhXzczEUrj2CGb"
        + "dWaCPXpGOLLiqcrVooBDSPHIu7bvgrdx8bYE/OlsALxwrPXhQ7UmHe9Szc9wbyTnfzqJ8hP1PQKCAQBLLvFYcjeIkLSOJ65TsaL8mV5+2lDCn66J"
        + "CpVUGgFHaRt/l5RdVeOdJ+EHE7mlN1scgQFEwPvta3+HgmCluUAkWsMtbZ2KsARnkQb4NU2gGATrcnGoUCdVQp0IEt9EQENFzysm3yIvU5oJ+/mY"
        + "Zg7NyOKaD+3wHckDtpz7MIFk9pqzCn/IN4AdvDOWWUYW8ps19AcQgTFNwRGZJ6HhwcvFB0Xi3FpSTpRk9fISu3eQGrDLbczPvguSbnuEmBsagwhE"
        + "pStCKuZLeci3/rm5pGVorC8RDZgdMCpd4k+D5lKwM38uEz9jXX4xn+l5CuVblGHFltqRcDPUBbwFA/doEezDAoIBAQCBMOA9cOHJsr26V9r6O2ha"
        + "KMHQO7U/lY714L2oNQciYO4V+qbyV1BPbPKxNvUyE6sbob84u9Nl5mL6HF1uwb8BbOP4biaSY2b4drtpGQ2/awzGoyhxqqrpVH5uPewetyl5hs9Y"
        + "Gf/wiiQWqiF06AYUSW7CWf4jyxDUEtW2JmD5Ar5gwNXgDI9W63UK9mdr86ygF9Qiuy8ymoKKr/VCGVIz/0eGQh3s6Drfqv7+q0+6mxFbg1z1kAt4"
        + "45TL7HuUt1XHujnIy1Oq2TB9NY4ER/HHBzgj4rLItx/qtF+Fdi0/7g18hykS68K9udrlycU1xZHuF7ReT6m7u1PZbvkHZb3pAoIBAFx7uUGdONlp"
        + "UynAreQa3DqCniPW/VriafH0vNa1eecxBiUe4JNOC9RH5OWXmLKTCoyxidJytJSOW+ASAcHvbcXrHkvIDJ/c96jgc6jVXj1PcjLkFXMb2ClqS8UV"
        + "kt83CgTprSQ5V18vnB5O2A9CFYf4QthMg1VP8UJpDzm2oJdrtP07I9FAaWW5+y+zkqyKiZZbJhfG03rfbaWgFry3/NCieXkA3F+EiKGCKehfzyOH"
        + "v9ttzFdaZSK2lWfbmB2Joviu0EZs9sSHqfkUgFZw18AWOhGDSuU+LW+6DBwjF2WtDdsV4fqx+ec0JiH9nWUEWmShEvRuW+z5qkLdUOgrhIs=";

    /// <summary>The model's ASK: an RSA private key of 4096 bits, PKCS #1, base64.</summary>
    internal const string Ask =
        "MIIJKQIBAAKCAgEAz8igpw+ss19s6zyHl+PwFyyB0qgjqD7TA8QnCJvlIVU6o8uF8k9J37HeZlM2pFYxOWbCRYbqu+CrTSPG16ipF2nWMgCHFGEU"
        + "eVKlOLlmiY38uGdR1pO75B3zag3hAFE6wQ7VO1fdxcpgNtNtudipdWLe4alUfTW5AmUcD6CrKIvZZjNOFw4MIdNxaYVG5/We7cd0rcyC7DLkNDF7"
        + "IvP0VuwqhsqKCuTl3hoo+ehm9UGgM4sTWD0KZnG4Gwv6Lm1Cnw4jBHK1hUibwPOPV5btlqQ/hOivs/cKFqVml6lLGseQZ/HElsw15vgodc7/ZVLE"
        + "QpOfw2PUXPXl9HuZkB5UgF3pOqLCXlftiRJYVdmufzTh5K7IWufqPRCuqSBZ4Yf5WrRLvy5JVX0FSOkmZXwRLyKpkVTqJA0JeWJ2yVrasfvoCqwe"
        + "uUhmO4GKtcVwiFDkhvyvje2DeL8UGOBRrzzk8IxVJMOfwRjFSVqmGRpSdinrdsOZoWryhHXCcTS57Drw4WfCg9SDyH7FwFEaZuMa4zNGtLPqLq16"
        + "VJur3JRZDJ225U/rvqxln2tZY6KPVVwMiIpoB1Rn98tFEYtdESsntzr+CVNZPAgP2Mv2uz8CzOXnAKeAhhJMh20ANDwKhgFX2jmUAUzwKZ56c4Mm"
        + "d98R2+MO1zfvVnfE+j1gdcTI6oUCAwEAAQKCAgBmyD0j9p58ylbkFDiUm4W/yN3dORwOVSlnoweV/Bu/Pdw4euwi3TLTSzaS0lXku9g0p06xOthx"
        + "oGTMT0bEliMyuEFi0Z0AKTeJ/iZJpXiB0bEx/LXgWYrngCNRElV7JTNVnYNADCphdUbbyAFunazRqttKsErhdwoyE5bqahVQhMFBC171C5dXwjLH"
        + "OkzFYFxCDdh7Qn9+3HvDD7j0JM34k3FD5PudAPZuQ+2CFYKcjl5zMLgcfXFgFJ+4DVgv0A9VA5ax1BZTvIODUlfVQYz8Z/odwkZr1OdyJVZW7kD/"
        + "GbmmmVMgLxr4ykelYwQ1+FeqAUFV01OQuniKU/u17TLpujWtGqVA5ODiqtRHKV+G/AIp+/9aqAQkPUCk/1njkbKs0uguLQQEc2rIYGunfDMhySAj"
        + "vo+1sonNapD70nwO+2jTPee9MOY8G1jteG+UlZWKE42jaaBktJzxsw58vzrKN9NE17tZ/u2XRdHthte1FJGhXNq7G80f6H/qA9pMdq9tcqp3fruO"
        + "ybbGXsaJjmkR/xxwJWLxdU+R30ky3P+Ma+sjNhBGP/wr8agVJisvm7QCDwjVv6CtF8hh57ivacNiQJrYKGFDZXNqqXVOlp/yh18biomVPnNRCzwM"
        + "ztewjVoEjvdUAmQcl7ka1WJfmTpH1+Vx64xF4NeuxwbL1OAf7wKCAQEA9NKbwY4eldtYDW+eYx9rrVUUDpNS1VYVP1rqQtHQdD7p40QQbNjsABdk"
        + "jUd1ZbH0W7KXQJ1EIhXZE4zqGx6vJaPaOxd6/3gB1+MuglS5KaqNyF1OtCjQhdRNFplVIfquOp436IrtlTu6hhZjBLW/7pZa8km2jvIg0eGbxUUS"
        + "3T9xaV3y5DysjzkFDFVT5KH/KlcHCzVZmxx/PNndigMCdXmovQUws/L4rLX3YYhHyraQFo2+CZ+L5BQM1y+8hXIQ4hvRAOfL2fG4VpBgWtzQ8BdO"
        + "ZvUStibSfYswSphYXNgD+mJA2WeSLA8VC+0tj8xrgcMdeSdiZbnCOswqWAIGYwKCAQEA2UUfOP8/92At3uH/IfKrwR+4w7tahvpicJrhmWE1IgDu"
        + "PlckjbC6KljwDmdawexpTHmsM0B6ja716OiM3Ng791HTX3JGVqTRNkp2g6bxAlcCKZiINBetrR/kC/TVpMyspMzQSRHBrUZY6YSH3N1Luvs6ijqj"
        + "1gKQKC5wTclJSVIHNxybIbX6nwrIRzDeqbAjEa+zdOMp43Kq5B7Thh81mvBNPwWN/Pos7l+1wTdmBRLBZnLmbu1DDbxPqaRic4D4eijiv1XsgCR3"
        + "i2+WAK/WDauRyJmyswbOk11fTRx41bociyttOtyb4t8FIlQSeJqJmMuwg5byaEWKAxB4xT+L9wKCAQEAnA169r9OQ5tS3w2c2fX3Pr8ST9AcZpu+"
        + "Y2niFMGEq/RGRXTnO1px5AUFNQCtlir+ZUzLGIamHUvr2Ihj2PGQFuAAhNYMsraeBixrQuwaMrLiOSswtammcQfIM3V9THFriTW80V9s3Uj7Nekj"
        + "KKdpNf1k7zeJREiWHvI9xlqnEZwVAGLAJjd+jrR7wUbKeNvBuA1NEhnpifN6LyF4Ezaj5Jmtsv6R8sIXPI+opeSmTlJcOeQTlDK8ip81KBznf/Ab"
        + "TuUILhmSWNO4+oSAxqomDEPu17WzPaQ1W4zTNVkyScvvjTP/vhREmgzrD3UZK6XTiR0DtmwiTlE/uxbUjtCLnQKCAQEA0hew1WCc7gwmzvshxiXu"
        + "R1TxSPOF2jeLsO9Tbwk8Y6Eav1Vsl0Zo/kH5/zOZ4yNDvxt4lCapWw/v4kPc0kCV29VX21eZBHdjhmgCqdNoAac5BBfmvNiYrGvGDHm3jSANYV5b"
        + "mgx9h5wapdPtvHiQnkIInVmOy4a29uPQ3KbjIu8a4wPaToK10cyPVae/573Wa2fG1CRFgRaEgQn96BeNskDjsSkh35nakLYj/q4fDJDSSsqYYHM0"
        + "/7c0IQo/2QjBPP8EI5hmlJKutjo0hn2BMr7QvXVCAzN11bHYUaxSe/j3WOupN93TL1IQmN1K7ywgGYv9J4Fy7bkwdz4aSkHkiQKCAQAf+h6aPHxu"
        + "U/49ZYP17iSL9AnYQI01TttSYv88DvsJZ0AqS5UwmBILR5ch07mPdHcQu36gXeNFiq279mZpwRk3uZTyMz468x/LNO6yyMu06hByK9tD0rFkGAmX"
        + "xQH0k8nB7A9EGdbwZxnY/MrLwvaNCcbbSVw2kTaXNih9M9AsMoz5j8RXG7bBAbBazT1Nh0/uLPfVyT1xIJw7hGwd7wjXRUtIB8AhpheX+K69Qgxk"
        + "9sZXPGyb/4zTrlVlrn6TQ5CPozedrJ1QKzrP8dPYb007JrlnrdaIFLO1hzvVq6BBydDSCAAgt2KjFJC2Bq11L13mZmTdwlkr9Mo1ADPwaWSl";
}
